import type { PushChannel } from '../../lib/sync/ports/push.ts';

/** A message that a device was sent. */
export interface InboxMessage {
  /** Unlike that of any other message, of earlier runs as well. */
  id: string;
  /** As the device's platform takes it: a JSON text. */
  message: string;
}

/** Somebody who reads a device's messages as they come. */
export interface InboxReader {
  read(message: InboxMessage): void;
  /** The inbox is emptied, and the device is gone with it. */
  end(): void;
}

/** The local stand-in for Amazon SNS: nothing leaves the machine, and who asks is shown what a device would get. */
export interface PushInbox extends PushChannel {
  /**
   * Has a reader get a device's messages: those that are kept first, then each that comes.
   * @param lastId of a message of the device: those up to it are left out. Any other text leaves out none.
   * @returns what ends it; null where too many read already
   */
  open(deviceId: string, reader: InboxReader, lastId?: string): (() => void) | null;
  /** Forgets all messages and ends all readers. */
  clear(): void;
}

const MAX_MESSAGES = 100;
const MAX_DEVICES = 1_000;
export const MAX_READERS_OF_DEVICE = 8;
export const MAX_READERS = 256;

/** @param randomId UUIDs */
export function createPushInbox({ randomId }: { randomId: () => string }): PushInbox {
  const run = randomId();
  let count = 0;
  /** The device that was sent a message last is the last. */
  const kept = new Map<string, InboxMessage[]>();
  const readers = new Map<string, Set<InboxReader>>();
  const countReaders = () => readers.values().reduce((sum, { size }) => sum + size, 0);

  return {
    async register({ applicationArn }) {
      return `${applicationArn.replace(':app/', ':endpoint/')}/${randomId()}`;
    },

    async send({ deviceId }, message) {
      count += 1;
      const sent = { id: `${run}-${count}`, message };
      const messages = kept.get(deviceId) ?? [];
      kept.delete(deviceId);
      kept.set(deviceId, [...messages, sent].slice(-MAX_MESSAGES));
      const [longestSilent] = kept.keys();
      if (kept.size > MAX_DEVICES && longestSilent !== undefined) kept.delete(longestSilent);
      for (const reader of readers.get(deviceId) ?? []) reader.read(sent);
    },

    open(deviceId, reader, lastId) {
      const others = readers.get(deviceId) ?? new Set();
      if (others.size >= MAX_READERS_OF_DEVICE || countReaders() >= MAX_READERS) return null;
      const messages = kept.get(deviceId) ?? [];
      const last = messages.findIndex(({ id }) => id === lastId);
      for (const message of messages.slice(last + 1)) reader.read(message);
      readers.set(deviceId, others.add(reader));
      return () => {
        others.delete(reader);
        if (others.size === 0 && readers.get(deviceId) === others) readers.delete(deviceId);
      };
    },

    clear() {
      kept.clear();
      const ended = [...readers.values()].flatMap((ofDevice) => [...ofDevice]);
      readers.clear();
      for (const reader of ended) reader.end();
    },
  };
}
