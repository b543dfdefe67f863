/** Format of the ids of identities and identity pools: a region and a UUID. Source: API model of 2014-06-30. */
export const ID_PATTERN = '[\\w-]+:[0-9a-f-]+';
export const MAX_ID_LENGTH = 55;

/**
 * Format of the suffix that a merge of identities adds to a dataset name: the id of the merged identity, at the end of
 * the name.
 */
export const MERGED_SUFFIX_PATTERN = `\\.(?=.{1,${MAX_ID_LENGTH}}$)${ID_PATTERN}$`;

const WHOLE_ID = new RegExp(`^${ID_PATTERN}$`);

/** Returns the region in the id of an identity or an identity pool; null if the text is not such an id. */
export function regionOfId(text: string): string | null {
  return text.length <= MAX_ID_LENGTH && WHOLE_ID.test(text) ? text.slice(0, text.indexOf(':')) : null;
}
