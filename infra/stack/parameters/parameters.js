// Read by serverless.yml. The framework cannot load TypeScript itself. An outdated Node version cannot either; the
// import below reports it.
import '../../require-node.mjs';

export const deployment = async (context) => (await import('./parameters.ts')).deployment(context);
