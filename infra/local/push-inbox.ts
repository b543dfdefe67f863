import type { PushChannel } from '../../lib/sync/ports/push.ts';

/** A push message to a device. */
export interface InboxMessage {
  /** Unique across all messages, including those of earlier runs. */
  id: string;
  /** JSON text in the format of the device's platform. */
  message: string;
}

/** A client that reads a device's messages as they arrive. */
export interface InboxReader {
  read(message: InboxMessage): void;
  /** Called when all messages are deleted. The device then no longer exists. */
  end(): void;
}

/**
 * The channel of push applications without a provider. It stores the messages to devices instead of sending them, so no
 * message leaves the machine. Clients can read what a device would receive.
 */
export interface PushInbox extends PushChannel {
  /**
   * Passes a device's messages to a reader: first the stored messages, then each new message.
   * @param lastId id of the last message that the reader already has. Stored messages up to this message are skipped.
   * If no stored message has this id, no message is skipped
   * @returns a function that ends the reading; null if there are too many readers
   */
  open(deviceId: string, reader: InboxReader, lastId?: string): (() => void) | null;
  /** The devices that have messages, the device with the newest message first, and how many messages are stored. */
  devices(): { deviceId: string; messages: number }[];
  /** Deletes all messages and ends all readers. */
  clear(): void;
}

const MAX_MESSAGES = 100;
const MAX_DEVICES = 1_000;
export const MAX_READERS_OF_DEVICE = 8;
export const MAX_READERS = 256;

/** @param randomId returns UUIDs */
export function createPushInbox({ randomId }: { randomId: () => string }): PushInbox {
  const run = randomId();
  let count = 0;
  /**
   * Messages by device. The devices are ordered by the time of their last message; the device with the newest message
   * is last.
   */
  const stored = new Map<string, InboxMessage[]>();
  const readers = new Map<string, Set<InboxReader>>();
  const countReaders = () => readers.values().reduce((sum, { size }) => sum + size, 0);

  return {
    async register({ applicationArn }) {
      return `${applicationArn.replace(':app/', ':endpoint/')}/${randomId()}`;
    },

    async send({ deviceId }, message) {
      count += 1;
      const sent = { id: `${run}-${count}`, message };
      const messages = stored.get(deviceId) ?? [];
      stored.delete(deviceId);
      stored.set(deviceId, [...messages, sent].slice(-MAX_MESSAGES));
      const [leastRecent] = stored.keys();
      if (stored.size > MAX_DEVICES && leastRecent !== undefined) stored.delete(leastRecent);
      for (const reader of readers.get(deviceId) ?? []) reader.read(sent);
    },

    open(deviceId, reader, lastId) {
      const others = readers.get(deviceId) ?? new Set();
      if (others.size >= MAX_READERS_OF_DEVICE || countReaders() >= MAX_READERS) return null;
      const messages = stored.get(deviceId) ?? [];
      const last = messages.findIndex(({ id }) => id === lastId);
      for (const message of messages.slice(last + 1)) reader.read(message);
      readers.set(deviceId, others.add(reader));
      return () => {
        others.delete(reader);
        if (others.size === 0 && readers.get(deviceId) === others) readers.delete(deviceId);
      };
    },

    devices: () => Array.from(stored, ([deviceId, { length }]) => ({ deviceId, messages: length })).reverse(),

    clear() {
      stored.clear();
      const ended = [...readers.values()].flatMap((ofDevice) => [...ofDevice]);
      readers.clear();
      for (const reader of ended) reader.end();
    },
  };
}
