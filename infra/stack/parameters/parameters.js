// serverless.yml reads this file, because the framework itself cannot load TypeScript. Neither can an outdated Node
// version, which the import below reports.
import '../../require-node.mjs';

export const deployment = async (context) => (await import('./parameters.ts')).deployment(context);
