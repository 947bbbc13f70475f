// For the mini-program: functions of the back end, called in the name of whoever uses the app.
//
//   const ostro = require('./ostro.js')('https://mini-program.example.com');
//   const { nickname } = await ostro.invoke('user-info', { nickname: 'Ann' });

module.exports = (host) => {
  let session = wx.getStorageSync('ostro.session') || null;
  let entering = null;

  const post = (path, data, token) => new Promise((resolve, reject) => {
    const header = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
    wx.request({ url: `${host}/_ostro/v1/${path}`, method: 'POST', data, header, success: resolve, fail: reject });
  });

  /** The answer's JSON, or an error with the code that it has. */
  const read = ({ statusCode, data }) => {
    if (statusCode < 400) return data;
    throw Object.assign(new Error(data?.error?.message ?? `status ${statusCode}`), { status: statusCode, code: data?.error?.code });
  };

  /** Another session for the one that has ended: by its refresh token, else by a new code. */
  const enter = async () => {
    if (session !== null) {
      const answer = await post('auth/refresh', { refresh_token: session.refresh_token });
      if (answer.statusCode === 200) return keep(answer.data);
      // What is not an ended session may be good again later.
      if (answer.statusCode !== 401) read(answer);
    }
    const { code } = await wx.login();
    return keep(read(await post('functions/login', { code })));
  };
  const keep = (given) => {
    session = given;
    wx.setStorageSync('ostro.session', given);
  };
  // Calls that wait for a session wait for the same one: a refresh token is good once.
  const once = () => (entering ??= enter().finally(() => { entering = null; }));

  return {
    /** Who uses the app. */
    async user() {
      if (session === null) await once();
      return session.user;
    },
    /** Calls a function with JSON, and gives the JSON that it answers. */
    async invoke(name, data = {}) {
      if (session === null) await once();
      const used = session;
      const answer = await post(`functions/${name}`, data, used.access_token);
      // An access token has its time; a function refuses it before it does anything.
      if (answer.statusCode !== 401) return read(answer);
      if (session === used) await once();
      return read(await post(`functions/${name}`, data, session.access_token));
    },
  };
};
