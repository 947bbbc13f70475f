// Types of a function: the web platform's, of which `docs/javascript.md` says what is not there, and the platform's own.

/// <reference no-default-lib="true" />
/// <reference lib="esnext" />
/// <reference lib="webworker" />
/// <reference lib="webworker.asynciterable" />
/// <reference lib="webworker.iterable" />
/// <reference path="ostro.d.ts" />
