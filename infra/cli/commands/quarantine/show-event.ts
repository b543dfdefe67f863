import { SetupError } from '../../../../lib/common/errors.ts';
import { formatJson } from '../../../../lib/common/format-json.ts';
import { toSafeLine } from '../../../../lib/common/text.ts';
import type { Database } from '../../../../lib/database/database.ts';
import { type QuarantinedEventText, toText } from '../../../../lib/projection/quarantined-event.ts';
import { createQuarantineStore } from '../../../../lib/projection/store/quarantine-store.ts';
import type { CommandDeps } from '../../command.ts';
import { printJson } from '../../terminal/print-json.ts';
import { describeState } from './describe-state.ts';
import type { QuarantineArguments } from './quarantine-arguments.ts';

/**
 * Shows an event in quarantine with its payload. Indents the payload if it is JSON.
 * @throws {SetupError} no event has the id
 */
export async function showEvent(
  { database, print, write }: CommandDeps,
  [quarantineId = '']: readonly string[],
  { asJson, isPayload }: Pick<QuarantineArguments, 'asJson' | 'isPayload'>,
): Promise<void> {
  const event = await findEvent(database, quarantineId);
  if (asJson) return printJson(print, event);
  const payload = payloadText(event);
  if (isPayload) return write(`${payload}\n`);
  for (const line of describe(event)) print(toSafeLine(line));
  print('');
  for (const line of payload.split('\n')) print(toSafeLine(line));
}

/**
 * Writes the payload of an event in quarantine as text that the operator can edit.
 * @throws {SetupError} no event has the id, or its payload is not text
 */
export async function writeEditable(
  { database, write }: Pick<CommandDeps, 'database' | 'write'>,
  [quarantineId = '']: readonly string[],
): Promise<void> {
  const event = await findEvent(database, quarantineId);
  if (event.payloadEncoding === 'base64') {
    throw new SetupError(
      'the payload is not UTF-8 text and cannot be edited; use --file to project the content of a file instead',
    );
  }
  await write(`${payloadText(event)}\n`);
}

async function findEvent(database: Database, quarantineId: string): Promise<QuarantinedEventText> {
  const found = await createQuarantineStore(database).find(quarantineId);
  if (found === null) throw unknownEvent(quarantineId);
  return toText(found);
}

export function unknownEvent(quarantineId: string): SetupError {
  return new SetupError(
    `no event in quarantine has the id ${quarantineId}; \`quarantine list --all\` lists the ids`,
  );
}

function payloadText({ payload, payloadEncoding }: QuarantinedEventText): string {
  return payloadEncoding === 'base64' ? payload : formatJson(payload);
}

function describe(event: QuarantinedEventText): string[] {
  const { payloadEncoding, redrivenAt } = event;
  return [
    `id           ${event.quarantineId}`,
    `reason       ${event.reason}`,
    `pool         ${event.identityPoolId ?? '(unknown)'}`,
    `position     ${event.streamName} ${event.shardId} ${event.sequenceNumber}`,
    `arrived      ${event.arrivedAt}`,
    `quarantined  ${event.quarantinedAt}`,
    `state        ${describeState(event)}${redrivenAt === null ? '' : ` at ${redrivenAt}`}`,
    ...(payloadEncoding === 'base64' ? ['payload      not UTF-8; shown in base64'] : []),
  ];
}
