exports.fetch = globalThis.fetch;
