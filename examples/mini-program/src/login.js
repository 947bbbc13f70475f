// Signs in whoever WeChat says it is: `wx.login` gives the app a code, good once, and WeChat's server tells this function whose it is.
import { env, users } from 'ostro';

/** What WeChat says of a code that is none, has been used, or is too old. */
const BAD_CODES = [40029, 40163, 41008];

export default {
  async fetch(request) {
    const { code } = await request.json().catch(() => ({}));
    if (typeof code !== 'string' || code === '') return refusal(400, 'code_missing', 'Send the code of wx.login.');
    const answer = await exchange(code);
    if (BAD_CODES.includes(answer.errcode)) return refusal(401, 'code_refused', 'The code is not good any more: wx.login gives another one.');
    if (!answer.openid) {
      console.error('WeChat gave no openid', { errcode: answer.errcode, errmsg: answer.errmsg });
      return refusal(502, 'upstream', 'WeChat does not answer now.');
    }
    // The answer's session_key deciphers what WeChat sends the app: it must not leave the server, and nothing here needs it.
    return Response.json(await users.signInExternal('wechat', answer.openid), { headers: { 'cache-control': 'no-store' } });
  },
};

async function exchange(code) {
  const url = new URL('/sns/jscode2session', env.WX_API);
  url.search = new URLSearchParams({ appid: env.WX_APPID, secret: env.WX_SECRET, js_code: code, grant_type: 'authorization_code' });
  try {
    const response = await fetch(url);
    return response.ok ? await response.json() : { errmsg: `status ${response.status}` };
  } catch (error) {
    return { errmsg: error.message };
  }
}

const refusal = (status, code, message) => Response.json({ error: { code, message } }, { status });
