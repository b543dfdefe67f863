import { Logger } from '@aws-lambda-powertools/logger';
import { isObject } from '../common/json.ts';
import { toSafeLine } from '../common/text.ts';

/** Members of a log entry that are of no use on one machine, or that the line shows at another place. */
const LEFT_OUT = new Set([
  'level',
  'message',
  'timestamp',
  'service',
  'error',
  'cold_start',
  'function_arn',
  'function_memory_size',
  'function_name',
  'function_request_id',
  'sampling_rate',
  'xray_trace_id',
]);

const TIME = { start: 11, end: 23 };

/** A logger that writes one readable line for each entry, followed by the stack of its error, instead of JSON. */
export class ReadableLogger extends Logger {
  protected override printLog(...[level, log]: Parameters<Logger['printLog']>): void {
    log.prepareForPrint();
    // The logger of Powertools writes errors to standard error too.
    const write = level >= ERROR_LEVEL ? console.error : console.log;
    for (const line of describeEntry(log.getAttributes())) write(line);
  }
}

/** Source: Powertools for AWS Lambda (TypeScript), the levels of its logger. */
const ERROR_LEVEL = 20;

/** Describes a log entry: time, level, part of the program, message, and the other members as `name=value`. */
function describeEntry(entry: Readonly<Record<string, unknown>>): string[] {
  const { level, message, timestamp, service, error } = entry;
  const others = Object.entries(entry)
    .filter(([name, value]) => !LEFT_OUT.has(name) && value !== undefined)
    .map(([name, value]) => `${name}=${textOf(value)}`);
  const parts = [
    textOf(timestamp).slice(TIME.start, TIME.end),
    textOf(level).padEnd(5),
    textOf(service).replace(/^.*\//, ''),
    textOf(message),
    ...others,
  ];
  return [parts.join('  '), ...describeError(error)].map(toSafeLine);
}

function describeError(error: unknown): string[] {
  if (error === undefined) return [];
  if (!isObject(error)) return [`  ${textOf(error)}`];
  const { name, message, stack } = error;
  // The stack starts with the name and the message.
  const lines = typeof stack === 'string' ? stack.split('\n') : [`${textOf(name)}: ${textOf(message)}`];
  return lines.map((line) => `  ${line}`);
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return JSON.stringify(value) ?? String(value);
}
