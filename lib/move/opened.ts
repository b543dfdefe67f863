/** Connections that remain open, one for each pool. */
export interface Opened<Connection> {
  /** Opens the connection of a pool, or returns the open one. A failed attempt is not remembered. */
  open(identityPoolId: string): Promise<Connection>;
  close(): void;
}

/** Creates the connections of a process, each of which is opened on its first use. */
export function createOpened<Connection extends { close(): void }>(
  open: (identityPoolId: string) => Connection | Promise<Connection>,
): Opened<Connection> {
  const opened = new Map<string, Promise<Connection>>();
  return {
    open(identityPoolId) {
      const opening = opened.get(identityPoolId) ?? Promise.resolve(identityPoolId).then(open);
      opened.set(identityPoolId, opening);
      opening.catch(() => opened.delete(identityPoolId));
      return opening;
    },

    close() {
      for (const opening of opened.values()) {
        opening.then(
          (connection) => connection.close(),
          () => undefined,
        );
      }
    },
  };
}
