/** A command that writes a file into a database, as its messages name it. */
export interface WritingCommand {
  name: 'import' | 'restore';
  written: 'imported' | 'restored';
  /** The message if another import has not ended. */
  otherImport: string;
  /** What to do if the database has an identity of the file in another pool, after a part of the file was written. */
  foreignIdentity: string;
}

export const IMPORT: WritingCommand = {
  name: 'import',
  written: 'imported',
  otherImport:
    'an import of another file was interrupted; run `import` with that file again, or delete what it imported with `import --discard`',
  foreignIdentity: 'run `import --discard`, and import into a new database',
};

export const RESTORE: WritingCommand = {
  name: 'restore',
  written: 'restored',
  otherImport: 'an import into this database has not ended; restore into a new database',
  // A restore starts with a database without identities, so probably the file has the identity in two pools.
  foreignIdentity: 'restore into a new database, and if that fails as well, use another backup',
};

/** Says that two processes write the same file. */
export function describeInUse({ name }: WritingCommand): string {
  return `another process ${name}s the same file; wait until it has ended`;
}
