/**
 * To be imported before PGlite, in its thread alone. PGlite decodes every value with a TextDecoder of its own making,
 * which by default takes a leading U+FEFF for a byte order mark and drops it: a value that starts with one would not
 * come back as it was stored.
 */
globalThis.TextDecoder = class extends TextDecoder {
  constructor(encoding?: string, options?: ConstructorParameters<typeof TextDecoder>[1]) {
    super(encoding, { ignoreBOM: true, ...options });
  }
};
