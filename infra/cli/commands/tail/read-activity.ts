import { SetupError } from '../../../../lib/common/errors.ts';
import type { TimedActivity } from '../../../../lib/query/activity.ts';

/**
 * Opens the feed of activities of a local cloud.
 *
 * @param url the address of the local cloud
 * @returns the activities; the iteration throws {SetupError} when the local cloud stops
 * @throws {SetupError} there is no local cloud at the address, or it rejects the request
 */
export async function openActivity(
  url: string,
  filter: Readonly<Record<string, string>>,
): Promise<AsyncIterable<TimedActivity>> {
  const address = `${url}/query/activity?${new URLSearchParams(filter)}`;
  const response = await fetch(address).catch(() => {
    throw new SetupError(
      `the local cloud at ${url} cannot be reached; run \`npx cognito-sync-backend start\` in another terminal, and set PORT or AWS_ENDPOINT_URL to the same address`,
    );
  });
  if (!response.ok || !response.headers.get('content-type')?.startsWith('text/event-stream')) {
    throw new SetupError(
      `${url} answered with status ${response.status}; tail needs a local cloud (\`npx cognito-sync-backend start\`)`,
    );
  }
  return readEvents(response);
}

async function* readEvents({ body }: Response): AsyncGenerator<TimedActivity> {
  let rest = '';
  try {
    for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const blocks = (rest + chunk).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const activity = toActivity(block);
        if (activity !== null) yield activity;
      }
    }
  } catch {
    // The connection was cut off. For the operator, this means the same as a connection that the local cloud closed.
  }
  throw new SetupError('the local cloud stopped');
}

/** @returns null for a comment */
function toActivity(block: string): TimedActivity | null {
  const lines = block.split('\n');
  const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  const kind = field('event');
  const data = field('data');
  return kind === undefined || data === undefined ? null : { ...JSON.parse(data), kind };
}
