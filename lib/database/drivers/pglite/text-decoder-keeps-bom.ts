/**
 * Import this module before PGlite, and only in PGlite's thread. PGlite decodes every value with its own TextDecoder,
 * which by default removes a leading U+FEFF as a byte order mark. A value that starts with U+FEFF would not be returned
 * as it was stored.
 */
globalThis.TextDecoder = class extends TextDecoder {
  constructor(encoding?: string, options?: ConstructorParameters<typeof TextDecoder>[1]) {
    super(encoding, { ignoreBOM: true, ...options });
  }
};
