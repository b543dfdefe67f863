/** A statement that only has a meaning for a session, which the front does not hold: it is answered, not run. */
export interface ControlStatement {
  /** What the server would say it did. */
  tag: string;
  /** Prepared statements that are gone after it. */
  forgets?: 'all' | { name: string };
}

const TAGS = new Map([
  ['BEGIN', 'BEGIN'],
  ['START TRANSACTION', 'START TRANSACTION'],
  ['COMMIT', 'COMMIT'],
  ['END', 'COMMIT'],
  ['ROLLBACK', 'ROLLBACK'],
  ['ABORT', 'ROLLBACK'],
  ['SAVEPOINT', 'SAVEPOINT'],
  ['RELEASE', 'RELEASE'],
  ['SET', 'SET'],
  ['RESET', 'RESET'],
  ['DISCARD', 'DISCARD ALL'],
  ['DEALLOCATE', 'DEALLOCATE'],
  ['LISTEN', 'LISTEN'],
  ['UNLISTEN', 'UNLISTEN'],
]);

/** Looking for the end of a statement may take time in the square of its length; no control statement is longer. */
const MAX_CONTROL_LENGTH = 10_000;

/**
 * Recognises BEGIN, COMMIT, SET and their like by the first keyword.
 * @returns undefined for every other statement, and where more than one statement is given
 */
export function controlStatement(sql: string): ControlStatement | undefined {
  const statement = sql.slice(skipBlank(sql, 0));
  const [first = '', second = ''] = words(statement);
  const tag = TAGS.get(first === 'START' ? `${first} ${second}` : first);
  if (tag === undefined || !isAlone(statement)) return undefined;
  if (first === 'DISCARD' && second === 'ALL') return { tag, forgets: 'all' };
  if (first === 'DEALLOCATE') return deallocate(statement);
  return { tag };
}

/** The first two words, upper case. */
function words(statement: string): string[] {
  const first = wordAt(statement, 0);
  return [first, wordAt(statement, skipBlank(statement, first.length))].map((word) => word.toUpperCase());
}

function wordAt(sql: string, at: number): string {
  return matchAt(/[\w$\u0080-\uffff]*/y, sql, at);
}

function deallocate(statement: string): ControlStatement {
  const named = /^\w+\s+(?:prepare\s+)?(?:"((?:[^"]|"")+)"|([\w$\u0080-\uffff]+))/i.exec(statement);
  const [, quoted, plain = ''] = named ?? [];
  if (quoted !== undefined) return { tag: 'DEALLOCATE', forgets: { name: quoted.replaceAll('""', '"') } };
  if (plain.toUpperCase() === 'ALL') return { tag: 'DEALLOCATE ALL', forgets: 'all' };
  // PostgreSQL folds what is not quoted.
  return { tag: 'DEALLOCATE', forgets: { name: plain.toLowerCase() } };
}

/** True where nothing but blanks and semicolons follows the statement. */
function isAlone(statement: string): boolean {
  if (statement.length > MAX_CONTROL_LENGTH) return false;
  // A string with escapes, a string, a name in quotes, a string in dollars, a word, any other character.
  const token =
    /[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$([A-Za-z_]\w*)?\$.*?\$\1\$|[\w$\u0080-\uffff]+|./sy;
  let ended = false;
  for (let at = 0; at < statement.length; at = skipBlank(statement, at)) {
    const found = matchAt(token, statement, at);
    if (ended && found !== ';') return false;
    ended ||= found === ';';
    at += found.length;
  }
  return true;
}

/** The next place that is neither white space nor comment; comments in slashes nest in PostgreSQL. */
function skipBlank(sql: string, from: number): number {
  let at = from;
  for (;;) {
    const blank = matchAt(/[ \t\n\r\f\v]+|--[^\n\r]*/y, sql, at) || nestedComment(sql, at);
    if (blank === '') return at;
    at += blank.length;
  }
}

function nestedComment(sql: string, from: number): string {
  if (!sql.startsWith('/*', from)) return '';
  const mark = /\/\*|\*\//g;
  mark.lastIndex = from;
  let depth = 0;
  for (let found = mark.exec(sql); found !== null; found = mark.exec(sql)) {
    depth += found[0] === '/*' ? 1 : -1;
    if (depth === 0) return sql.slice(from, mark.lastIndex);
  }
  return sql.slice(from);
}

function matchAt(pattern: RegExp, sql: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(sql)?.[0] ?? '';
}
