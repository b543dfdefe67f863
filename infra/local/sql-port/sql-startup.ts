import type { Database } from '../../../lib/database/database.ts';
import { cString, frame, int32, ProtocolError, readCString, readText } from './sql-messages.ts';

const VERSION_3_0 = 0x00030000;

/**
 * A packet that a client sends before the session starts. PostgreSQL distinguishes the kinds of packets by the version
 * number in the packet.
 */
export type StartupPacket =
  | { kind: 'cancel' | 'ssl' | 'encryption' }
  /**
   * `reply` must be sent before any other message. It is empty unless the client requested a newer version than 3.0 or
   * unknown options.
   */
  | { kind: 'start'; reply: Uint8Array };

/** @throws {ProtocolError} the packet is unknown to PostgreSQL */
export function readStartupPacket(packet: Uint8Array): StartupPacket {
  const bytes = Buffer.from(packet);
  const version = bytes.readUInt32BE(4);
  if (version === 80877102) return { kind: 'cancel' };
  if (version === 80877103) return { kind: 'ssl' };
  if (version === 80877104) return { kind: 'encryption' };
  if (version >>> 16 !== 3) {
    throw new ProtocolError(`unsupported frontend protocol ${version >>> 16}.${version & 0xffff}`);
  }
  const names = readNames(bytes);
  if (!names.includes('user')) throw new ProtocolError('no PostgreSQL user name specified in startup packet');
  const unknownOptions = names.filter((name) => name.startsWith('_pq_.'));
  if (version === VERSION_3_0 && unknownOptions.length === 0) {
    return { kind: 'start', reply: new Uint8Array() };
  }
  // This NegotiateProtocolVersion message names the newest supported version and the requested options that are not
  // supported.
  const reply = frame('v', int32(VERSION_3_0), int32(unknownOptions.length), ...unknownOptions.map(cString));
  return { kind: 'start', reply };
}

/**
 * Reads the names of the startup parameters. The packet contains pairs of a name and a value, and ends with an empty
 * name.
 */
function readNames(packet: Buffer): string[] {
  const names: string[] = [];
  for (let at = 8; ; ) {
    const name = readText(packet, at);
    if (name === '') return names;
    names.push(name);
    at = readCString(packet, readCString(packet, at).next).next;
  }
}

/** Settings that a server must report at the start of a session, because psql and drivers depend on them. */
const REPORTED = [
  'server_version',
  'server_encoding',
  'client_encoding',
  'DateStyle',
  'IntervalStyle',
  'TimeZone',
  'integer_datetimes',
  'standard_conforming_strings',
];

/** Returns the settings that are reported to a client at startup, as a map from names to the values in the database. */
export async function readReportedSettings(database: Pick<Database, 'query'>): Promise<Map<string, string>> {
  const { rows } = await database.query<{ name: string; setting: string }>(
    'select name, setting from pg_settings where name in (select unnest($1::text[]))',
    [REPORTED],
  );
  const settings = new Map(rows.map(({ name, setting }) => [name, setting]));
  // Connection pools and drivers use `default_transaction_read_only` to tell a primary from a replica. Every statement
  // on this port is read-only, so the setting is on.
  return settings.set('default_transaction_read_only', 'on').set('is_superuser', 'off');
}
