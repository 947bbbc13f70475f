// UTF-8 for the URL library.

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export const utf8Encode = (text) => encoder.encode(text);
export const utf8DecodeWithoutBOM = (bytes) => decoder.decode(bytes);
