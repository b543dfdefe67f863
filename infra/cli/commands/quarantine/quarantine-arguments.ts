import { idsStartingWith } from '../../../../lib/projection/quarantined-event.ts';
import { readCommandLine, readNumber } from '../../arguments.ts';
import { UsageError } from '../../command.ts';

const ACTIONS = ['list', 'show', 'edit', 'redrive', 'dismiss', 'export'] as const;
type Action = (typeof ACTIONS)[number];

export interface QuarantineArguments {
  /** Whether events that were projected or dismissed are included. */
  isAll: boolean;
  limit: number;
  asJson: boolean;
  /** Whether to write only the payload. */
  isPayload: boolean;
  file: string | undefined;
  /** The content of the file, in base64. The operator's process passes it to the process of the local cloud. */
  content: string | undefined;
}

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 100_000;
/** How many ids each action takes. */
const IDS: Readonly<Record<Action, { min: number; max: number }>> = {
  list: { min: 0, max: 0 },
  export: { min: 0, max: 0 },
  show: { min: 1, max: 1 },
  edit: { min: 1, max: 1 },
  redrive: { min: 0, max: Number.POSITIVE_INFINITY },
  dismiss: { min: 1, max: Number.POSITIVE_INFINITY },
};
const OPTIONS_OF: Readonly<Record<Action, readonly string[]>> = {
  list: ['all', 'limit', 'json'],
  export: ['all'],
  show: ['json', 'payload'],
  edit: ['file', 'content', 'json'],
  redrive: ['json'],
  dismiss: ['json'],
};

/** Parses the arguments of `quarantine`. @throws {UsageError} they are invalid */
export function readArguments(args: string[]): QuarantineArguments & { action: Action; ids: string[] } {
  const { values, positionals } = readCommandLine(args, {
    all: { type: 'boolean' },
    limit: { type: 'string' },
    payload: { type: 'boolean' },
    file: { type: 'string' },
    content: { type: 'string' },
  });
  const [given = '', ...ids] = positionals;
  const action = ACTIONS.find((name) => name === given);
  if (action === undefined) throw new UsageError(`quarantine takes one of ${ACTIONS.join(', ')}`);
  const { min, max } = IDS[action];
  if (ids.length < min || ids.length > max)
    throw new UsageError(`quarantine ${action} takes ${describeIds(action)}`);
  const foreign = Object.entries(values).find(([name, value]) => value && !OPTIONS_OF[action].includes(name));
  if (foreign) throw new UsageError(`quarantine ${action} does not take --${foreign[0]}`);
  const invalid = ids.find((id) => idsStartingWith(id) === null);
  if (invalid !== undefined) {
    throw new UsageError(
      `${invalid} is not the id of an event in quarantine or the start of an id (at least 8 characters); \`quarantine list\` lists the ids`,
    );
  }
  if (values.json && values.payload) throw new UsageError('quarantine show takes either --json or --payload');
  if (values.file === '') throw new UsageError('--file takes the path of a file with the new payload');
  const { limit, file, content } = values;
  return {
    action,
    ids,
    isAll: values.all ?? false,
    limit: limit === undefined ? DEFAULT_LIMIT : readNumber('--limit', limit, { min: 1, max: MAX_LIMIT }),
    asJson: values.json,
    isPayload: values.payload ?? false,
    file,
    content,
  };
}

function describeIds(action: Action): string {
  const { min, max } = IDS[action];
  if (max === 0) return 'no id';
  return max === 1 ? 'one id' : `${min === 0 ? 'any number of ids' : 'at least one id'}`;
}
