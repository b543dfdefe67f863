import { MAX_KEY_LENGTH } from '../../common/bounds.ts';
import { isLongerThan } from '../../common/text.ts';
import { keyProblem } from '../text-problem.ts';

/** What a name can be that a device sends. */
export interface PossibleNames {
  /** Why it is none; null where it is one. */
  nameProblem(name: string): string | null;
  /** Why no name has these characters, with others between them; null where one may. Without it nothing is proven. */
  literalsProblem(literals: string): string | null;
}

/** As the service takes them: 1 to 128 characters, and for a copy made by a merge the id of the identity it came from. */
const DATASET_NAME = /^(?!\.{1,2}$)[\w.:-]{1,128}(?:\.(?=.{1,55}$)[\w-]+:[0-9a-f-]+)?$/;
const MAX_DATASET_NAME_LENGTH = 128 + 1 + 55;

export const POSSIBLE_DATASET_NAMES: PossibleNames = {
  nameProblem: (name) =>
    DATASET_NAME.test(name) ? null : 'no dataset has this name: one is 1 to 128 of A-Z a-z 0-9 _ . : -',
  literalsProblem: (literals) => {
    if (/[^\w.:-]/.test(literals)) return 'no name of a dataset matches: one holds A-Z a-z 0-9 _ . : - alone';
    return literals.length > MAX_DATASET_NAME_LENGTH ? 'no name of a dataset is as long' : null;
  },
};

export const POSSIBLE_KEYS: PossibleNames = {
  nameProblem: (key) => {
    const problem = keyProblem(key);
    return problem === null ? null : `no record has this key: it ${problem}`;
  },
  literalsProblem: (literals) => {
    if (literals.includes('\0')) return 'no key matches: none holds NUL';
    return isLongerThan(literals, MAX_KEY_LENGTH) ? 'no key is as long' : null;
  },
};
