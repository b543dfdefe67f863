import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { markdownTable } from '../bench/markdown-table.ts';
import { POPULATION } from './population/scenario.ts';
import { SCENARIOS } from './scenarios.ts';
import { type SoakDatabase, soak } from './soak.ts';

// Runs all scenarios, or those named as arguments, and prints a table of results. Exits with 1 if a scenario
// failed.
const ALL = [
  ...SCENARIOS.map((scenario) => ({
    ...scenario,
    run: (options: Parameters<typeof soak>[1]) => soak(scenario, options),
  })),
  POPULATION,
];
const USAGE = `usage: npm run test:soak -- [<scenario> …] [--database embedded|PostgreSQL] [--seconds <n>] [--seed <n>]
scenarios:
${ALL.map(({ name, title }) => `  ${name.padEnd(16)}${title}`).join('\n')}`;
/** Maximum number of problems that are printed per scenario, because one fault often causes many problems. */
const MAX_PROBLEMS = 20;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    database: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});
const unknown = positionals.filter((name) => !ALL.some((scenario) => scenario.name === name));
if (unknown.length > 0) console.error(`unknown scenario: ${unknown.join(', ')}`);
if (values.help || unknown.length > 0) {
  console.error(USAGE);
  process.exit(values.help ? 0 : 2);
}
const isWanted = (database: SoakDatabase) => (values.database ?? database) === database;

process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

let failures = 0;
for (const scenario of ALL) {
  if (positionals.length > 0 && !positionals.includes(scenario.name)) continue;
  const rows: Record<string, Record<string, string>> = {};
  for (const database of scenario.databases.filter(isWanted)) {
    const seed = Number(values.seed ?? randomInt(2 ** 31));
    const seconds = Number(values.seconds ?? scenario.seconds);
    console.error(`${scenario.name}: ${database}, ${seconds} s, seed ${seed}`);
    const result = await scenario.run({ database, seconds, seed }).catch((error: unknown) => ({
      problems: [`the scenario ended early: ${error instanceof Error ? error.stack : error}`],
      cells: {},
    }));
    if ('missing' in result) {
      console.log(`SKIPPED ${scenario.name}: this machine lacks ${result.missing}`);
      continue;
    }
    const { problems, cells } = result;
    for (const problem of problems.slice(0, MAX_PROBLEMS)) console.error(`  ${problem}`);
    if (problems.length > MAX_PROBLEMS) console.error(`  … and ${problems.length - MAX_PROBLEMS} more`);
    if (problems.length > 0) failures += 1;
    rows[`${database}, seed ${seed}`] = { ...cells, result: problems.length > 0 ? 'FAILED' : 'passed' };
  }
  if (Object.keys(rows).length > 0) console.log(`${markdownTable({ title: scenario.title, rows })}\n`);
}
process.exit(failures > 0 ? 1 : 0);
