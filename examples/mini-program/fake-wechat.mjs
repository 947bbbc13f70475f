// WeChat's server as far as `login` needs it, to try the example without an account there: the code `ann-1` is Ann's, once.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

const { PORT = '8790', WX_SECRET = 'not-so-secret' } = process.env;
const used = new Set();

function session({ appid, secret, js_code: code, grant_type }) {
  if (grant_type !== 'authorization_code' || !appid) return { errcode: 40002, errmsg: 'invalid grant_type' };
  if (secret !== WX_SECRET) return { errcode: 40125, errmsg: 'invalid appsecret' };
  if (!/^[a-z]+-\d+$/.test(code)) return { errcode: 40029, errmsg: 'invalid code' };
  if (used.has(code)) return { errcode: 40163, errmsg: 'code been used' };
  used.add(code);
  const openid = createHash('sha256').update(`${appid} ${code.split('-')[0]}`).digest('base64url').slice(0, 28);
  return { openid, session_key: createHash('sha256').update(code).digest('base64') };
}

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://wechat');
  const known = url.pathname === '/sns/jscode2session';
  response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' });
  response.end(JSON.stringify(known ? session(Object.fromEntries(url.searchParams)) : {}));
});
server.listen(Number(PORT), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
