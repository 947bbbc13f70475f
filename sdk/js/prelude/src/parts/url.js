// The URL library, for `parts.js`.

import machine from "whatwg-url/lib/url-state-machine.js";

export const {
  basicURLParse, cannotHaveAUsernamePasswordPort, hasAnOpaquePath, serializeHost, serializePath, serializeURL,
  serializeURLOrigin, setThePassword, setTheUsername,
} = machine;
