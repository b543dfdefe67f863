declare module 'kinesalite' {
  import type { Server } from 'node:http';

  interface KinesaliteOptions {
    /** Directory to keep the streams in; in memory where it is absent. */
    path?: string;
    /** How long a stream stays CREATING, DELETING, UPDATING; 500 each by default. */
    createStreamMs?: number;
    deleteStreamMs?: number;
    updateStreamMs?: number;
    /** Open shards of all streams together; 10 by default. */
    shardLimit?: number;
  }

  function kinesalite(options?: KinesaliteOptions): Server;
  export = kinesalite;
}
