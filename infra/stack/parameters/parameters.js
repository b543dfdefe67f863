// serverless.yml reads this file, because the Serverless Framework cannot load TypeScript itself. An outdated Node
// version cannot load TypeScript either; the import below reports such a version.
import '../../require-node.mjs';

export const deployment = async (context) => (await import('./parameters.ts')).deployment(context);
