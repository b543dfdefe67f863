import { afterEach, describe, expect, it, vi } from 'vitest';
import { ReadableLogger } from '../../../lib/aws/readable-logger.ts';
import { createLogger } from '../../../lib/aws/telemetry.ts';

const printed = { output: [] as string[], errors: [] as string[] };
vi.spyOn(console, 'log').mockImplementation((line) => void printed.output.push(line));
vi.spyOn(console, 'error').mockImplementation((line) => void printed.errors.push(line));
afterEach(() => {
  vi.unstubAllEnvs();
  printed.output.length = 0;
  printed.errors.length = 0;
});

describe('a logger with LOG_FORMAT=pretty', () => {
  it('writes one readable line', () => {
    vi.stubEnv('LOG_FORMAT', 'pretty');
    const logger = createLogger('project-stream');
    logger.setLogLevel('INFO');
    logger.info('projected a batch', { events: 3, mode: 'live', nothing: undefined });
    expect(printed.output).toEqual([
      expect.stringMatching(
        /^\d\d:\d\d:\d\d\.\d{3} {2}INFO {3}project-stream {2}projected a batch {2}events=3 {2}mode=live$/,
      ),
    ]);
  });

  it('writes the stack of an error, and escapes characters that control the terminal', () => {
    const logger = new ReadableLogger({ serviceName: 'cognito-sync-backend/query-api' });
    logger.setLogLevel('INFO');
    logger.error('a query failed', { error: new TypeError('no \u001b[2J'), key: 'a\nb' });
    const [line, first, second] = printed.errors;
    expect(line).toMatch(/ {2}ERROR {2}query-api {2}a query failed {2}key=a\\u000ab$/);
    expect(first).toBe('  TypeError: no \\u001b[2J');
    expect(second).toMatch(/^ +at /);
  });

  it('is not used by default', () => {
    expect(createLogger('x')).not.toBeInstanceOf(ReadableLogger);
  });
});
