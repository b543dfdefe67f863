/** Maximum length of a record's key in code points. Source: the API model. */
export const MAX_KEY_LENGTH = 1_024;

/** Maximum length of a record's value in code points. Source: the API model. */
export const MAX_VALUE_LENGTH = 1_048_575;

/** Maximum number of live records in a dataset. Source: Amazon's documented quota. */
export const MAX_DATASET_RECORDS = 1_024;

// The years 1 to 9999 in epoch milliseconds: the range that SQL timestamps, ISO 8601 and every driver support.
export const MIN_DATE_MS = Date.parse('0001-01-01T00:00:00Z');
export const MAX_DATE_MS = Date.parse('9999-12-31T23:59:59.999Z');
