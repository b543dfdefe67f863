declare module 'kinesalite' {
  import type { Server } from 'node:http';

  interface KinesaliteOptions {
    /** Directory of the streams; if absent, they are kept in memory. */
    path?: string;
    /** Milliseconds that a stream stays CREATING, DELETING or UPDATING; 500 each by default. */
    createStreamMs?: number;
    deleteStreamMs?: number;
    updateStreamMs?: number;
    /** Open shards of all streams in total; 10 by default. */
    shardLimit?: number;
  }

  function kinesalite(options?: KinesaliteOptions): Server;
  export = kinesalite;
}
