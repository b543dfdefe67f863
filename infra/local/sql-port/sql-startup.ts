import type { Database } from '../../../lib/database/database.ts';
import { cString, frame, int32, ProtocolError, readCString, readText } from './sql-messages.ts';

const VERSION_3_0 = 0x00030000;

/** What a client may send before its session has started; version numbers are the protocol's own. */
export type StartupPacket =
  | { kind: 'cancel' | 'ssl' | 'encryption' }
  /** `reply` is to be sent first where the client asked for more than version 3.0. */
  | { kind: 'start'; reply: Uint8Array };

/** @throws {ProtocolError} no packet PostgreSQL knows */
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
  // NegotiateProtocolVersion: the newest version spoken here, and the options not known here.
  const reply = frame('v', int32(VERSION_3_0), int32(unknownOptions.length), ...unknownOptions.map(cString));
  return { kind: 'start', reply };
}

/** Names of the parameters: pairs of strings, then an empty name. */
function readNames(packet: Buffer): string[] {
  const names: string[] = [];
  for (let at = 8; ; ) {
    const name = readText(packet, at);
    if (name === '') return names;
    names.push(name);
    at = readCString(packet, readCString(packet, at).next).next;
  }
}

/** Settings the server reports to a client when a session starts; psql and drivers decide by them. */
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

/** @returns names and values of the settings a client is told at start-up, as the database has them */
export async function readReportedSettings(database: Pick<Database, 'query'>): Promise<Map<string, string>> {
  const { rows } = await database.query<{ name: string; setting: string }>(
    'select name, setting from pg_settings where name in (select unnest($1::text[]))',
    [REPORTED],
  );
  const settings = new Map(rows.map(({ name, setting }) => [name, setting]));
  // Every statement runs so; pools and drivers look at this one to tell a primary from a replica.
  return settings.set('default_transaction_read_only', 'on').set('is_superuser', 'off');
}
