import { MAX_KEY_LENGTH } from '../../common/bounds.ts';
import { MAX_ID_LENGTH, MERGED_SUFFIX_PATTERN } from '../../common/identity-id.ts';
import { isLongerThan } from '../../common/text.ts';
import { keyProblem } from '../text-problem.ts';

/** The names that a device can send. */
export interface PossibleNames {
  /** Returns why the name is invalid; null if it is valid. */
  nameProblem(name: string): string | null;
  /**
   * Checks whether a name can contain these characters in this order, with any other characters between them. Returns
   * why this is impossible; null if no reason is known.
   */
  literalsProblem(literals: string): string | null;
}

/**
 * Valid dataset names of the service: 1 to 128 characters. The name of a copy that a merge of identities created ends
 * with a dot and the id of the merged identity.
 */
const DATASET_NAME = new RegExp(`^(?!\\.{1,2}$)[\\w.:-]{1,128}(?:${MERGED_SUFFIX_PATTERN})?$`);
const MAX_DATASET_NAME_LENGTH = 128 + '.'.length + MAX_ID_LENGTH;

export const POSSIBLE_DATASET_NAMES: PossibleNames = {
  nameProblem: (name) =>
    DATASET_NAME.test(name)
      ? null
      : 'no dataset can have this name: use 1 to 128 characters of A-Z a-z 0-9 _ . : -',
  literalsProblem: (literals) => {
    if (/[^\w.:-]/.test(literals)) return 'no dataset name matches: use only A-Z a-z 0-9 _ . : -';
    return literals.length > MAX_DATASET_NAME_LENGTH ? 'no dataset name is this long' : null;
  },
};

export const POSSIBLE_KEYS: PossibleNames = {
  nameProblem: (key) => {
    const problem = keyProblem(key);
    return problem === null ? null : `no record can have this key: it ${problem}`;
  },
  literalsProblem: (literals) => {
    if (literals.includes('\0')) return 'no key matches: keys cannot contain a NUL character';
    return isLongerThan(literals, MAX_KEY_LENGTH) ? 'no key is this long' : null;
  },
};
