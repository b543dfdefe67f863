import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { DeviceStore } from '../../../lib/sync/ports/push.ts';
import { MAX_READERS, MAX_READERS_OF_DEVICE, type PushInbox } from '../push-inbox.ts';
import { type Route, sendJson } from './http-server.ts';

const LIST = '/push';
const PATH = `${LIST}/`;
/**
 * Interval at which empty comments are sent. Without these comments, a proxy, such as the proxy of a remote editor,
 * would close an idle connection.
 */
const KEEP_OPEN_MS = 15_000;
/** If a client leaves more than this many bytes unread, it is disconnected, so that it does not fill the memory. */
const MAX_UNREAD_BYTES = 1024 * 1024;

interface PushRouteDeps {
  inbox: PushInbox;
  devices: Pick<DeviceStore, 'hasDevice'>;
  keepOpenMs?: number;
}

/**
 * `GET /push`: lists the devices that have messages.
 *
 * `GET /push/{deviceId}`: streams the messages to a device as server-sent events named `push`. The stream starts with
 * the stored messages and continues with each new message. If the client sends `Last-Event-ID`, stored messages up to
 * the message with that id are skipped. The stream ends when the client disconnects or the port closes.
 */
export function createPushRoute({ inbox, devices, keepOpenMs = KEEP_OPEN_MS }: PushRouteDeps): Route {
  return {
    matches: ({ target }) => target === LIST || target.startsWith(PATH),
    async answer({ method, target, headers }, response) {
      if (method !== 'GET') {
        return sendJson(response, 405, { message: `use GET ${PATH}{deviceId}` }, { Allow: 'GET' });
      }
      if (target === LIST) {
        return sendJson(response, 200, { devices: inbox.devices() }, { 'Cache-Control': 'no-store' });
      }
      const [deviceId = ''] = target.slice(PATH.length).split('?');
      if (!(await devices.hasDevice(deviceId))) {
        return sendJson(response, 404, {
          message: `unknown device; use ${PATH}{deviceId} with the DeviceId that RegisterDevice returned`,
        });
      }
      await stream(response, { inbox, deviceId, lastId: lastIdOf(headers), keepOpenMs });
    },
  };
}

function lastIdOf(headers: Record<string, string | string[] | undefined>): string | undefined {
  const id = headers['last-event-id'];
  return typeof id === 'string' ? id : undefined;
}

interface Reading {
  inbox: PushInbox;
  deviceId: string;
  lastId: string | undefined;
  keepOpenMs: number;
}

/** Streams the messages of the device to the client. Resolves when the connection is closed. */
async function stream(
  response: ServerResponse,
  { inbox, deviceId, lastId, keepOpenMs }: Reading,
): Promise<void> {
  // If the client disconnected during the lookup of the device, `close` was already emitted, and waiting for it would
  // never end.
  if (response.destroyed) return;
  const closed = once(response, 'close');
  const backlog: string[] = [];
  let write = (text: string): unknown => backlog.push(text);
  const reader = {
    read: ({ id, message }: { id: string; message: string }) =>
      write(`id: ${id}\nevent: push\ndata: ${message}\n\n`),
    end: () => response.end(),
  };
  const close = inbox.open(deviceId, reader, lastId);
  if (close === null) {
    return sendJson(response, 429, {
      message: `too many readers: at most ${MAX_READERS_OF_DEVICE} per device and ${MAX_READERS} in total`,
    });
  }
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  write = (text) => {
    if (response.writableLength > MAX_UNREAD_BYTES) response.destroy();
    else response.write(text);
  };
  write(`: the messages of ${deviceId}\n\n${backlog.join('')}`);
  const keepingOpen = setInterval(() => write(':\n\n'), keepOpenMs);
  await closed;
  clearInterval(keepingOpen);
  close();
}
