import { checkMember, readOptions } from '../../arguments.ts';
import { UsageError } from '../../command.ts';

export interface ExportArguments {
  isService: boolean;
  format: 'jsonl' | 'parquet';
  /** Null for standard output. */
  out: string | null;
  identityPoolId: string | null;
  datasetName: string | null;
  /** Selects the records that were projected since this time, in epoch milliseconds. Null selects all. */
  since: number | null;
}

/** Parses the arguments of `export`. @throws {UsageError} they are invalid */
export function readArguments(args: string[]): ExportArguments {
  const values = readOptions('export', args, {
    service: { type: 'boolean', default: false },
    format: { type: 'string' },
    out: { type: 'string' },
    pool: { type: 'string' },
    dataset: { type: 'string' },
    since: { type: 'string' },
  });
  const { service: isService, format = 'jsonl', out = null, pool = null, dataset = null, since } = values;
  if (values.json)
    throw new UsageError('export does not take --json: its output is already JSON, one object per line');
  if (isService) {
    for (const option of ['format', 'pool', 'dataset', 'since'] as const) {
      if (values[option] !== undefined) throw new UsageError(`export --service does not take --${option}`);
    }
  }
  if (format !== 'jsonl' && format !== 'parquet')
    throw new UsageError('--format takes one of jsonl, parquet');
  if (out === '')
    throw new UsageError('--out takes the path of a file, or of a directory with --format parquet');
  if (format === 'parquet' && out === null)
    throw new UsageError('--format parquet requires --out with a directory');
  if (pool !== null) checkMember('IdentityPoolId', pool);
  return {
    isService,
    format,
    out,
    identityPoolId: pool,
    datasetName: dataset,
    since: since === undefined ? null : readTime(since),
  };
}

const TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/;

/** Reads a time with its time zone, or a date in UTC. */
function readTime(text: string): number {
  const time = TIME.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) {
    throw new UsageError('--since takes a time such as 2026-01-31T12:00:00Z, or a date such as 2026-01-31');
  }
  return time;
}
