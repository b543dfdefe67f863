/** Code points of a record's key, as the API model has it. */
export const MAX_KEY_LENGTH = 1_024;

/** Code points of a record's value, as the API model has it. */
export const MAX_VALUE_LENGTH = 1_048_575;

/** Live records in one dataset: Amazon's documented quota. */
export const MAX_RECORDS = 1_024;

// The years 1 to 9999: what SQL timestamps, ISO 8601 and every driver between them agree on. Epoch milliseconds.
export const MIN_DATE_MS = Date.parse('0001-01-01T00:00:00Z');
export const MAX_DATE_MS = Date.parse('9999-12-31T23:59:59.999Z');
