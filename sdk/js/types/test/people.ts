// The caller, accounts and channels: what compiles, and what must not.

import { ChannelError, type Main, UsersError, channel, identity, users } from "ostro";

/** Signs in whoever another place knows. */
export const main: Main<{ openid: string }, unknown> = async ({ openid }) => {
  const id: string | null = identity.user;
  // @ts-expect-error: nobody may be signed in.
  identity.user.trim();
  // @ts-expect-error: who calls is not the function's to say.
  identity.caller = "system";
  try {
    const { user, access_token } = await users.signInExternal("wechat", openid, identity.isAnonymous && id !== null ? { link: id } : undefined);
    // @ts-expect-error: a link is the id of an account, and there may be none.
    await users.signInExternal("wechat", openid, { link: id });
    const found = await users.get(user.id);
    // @ts-expect-error: there may be none.
    found.identities.map(({ subject }) => subject);
    const { users: page, cursor } = await users.list({ limit: 10, email: "a" });
    const is: boolean = await users.setRoles(user.id, [...identity.roles, "author"]);
    // @ts-expect-error: roles are several.
    await users.setRoles(user.id, "author");
    await users.setDisabled(user.id, false);
    await channel<{ n: number }>(`users/${user.id}`).send({ n: 1 });
    // @ts-expect-error: the messages of this channel have a number.
    await channel<{ n: number }>("news").send({});
    return [access_token, found?.sessions, page[0]?.email, cursor, is];
  } catch (error) {
    // @ts-expect-error: there is no such code.
    if (error instanceof UsersError && error.code === "duplicate") return null;
    if (error instanceof UsersError && error.code === "taken") return null;
    if (error instanceof ChannelError && error.code === "busy") return null;
    throw error;
  }
};
