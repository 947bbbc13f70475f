// The profile of whoever calls. Nothing in the request says who that is: the platform does.
import { db, identity } from 'ostro';

export async function main({ nickname }) {
  // As the caller: the rules of the collection hold here, too.
  const profiles = db.collection('profiles', { as: 'caller' });
  const id = identity.user;
  if (nickname !== undefined) {
    await profiles.updateOne({ _id: id }, { $set: { nickname: String(nickname).trim().slice(0, 40) } }, { upsert: true });
  }
  const profile = await profiles.get(id);
  return { id, nickname: profile?.nickname ?? 'Somebody' };
}
