/**
 * Returns a function that calls `create` once and then returns the same value. If `create` fails, the next call tries
 * again.
 */
export function once<Value>(create: () => Promise<Value>): () => Promise<Value> {
  let created: Promise<Value> | undefined;
  return () => {
    created ??= create().catch((error: unknown) => {
      created = undefined;
      throw error;
    });
    return created;
  };
}
