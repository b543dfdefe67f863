/** The members of the project's `package.json` that the package's own `package.json` contains. */
interface ProjectManifest {
  name: string;
  version: string;
  description: string;
  keywords: string[];
  repository: unknown;
  license: string;
  bin: Record<string, string>;
  dependencies: Record<string, string>;
}

/**
 * Returns the `package.json` of the npm package. It has no development dependencies and, unlike the project, does not
 * install Node.
 *
 * @param packages the names of the packages that the files of the package need
 * @throws {Error} the project does not have one of the packages as a dependency, so its version is unknown
 */
export function createManifest(project: ProjectManifest, packages: readonly string[]) {
  const { name, version, description, keywords, repository, license, bin } = project;
  const unknown = packages.filter((needed) => project.dependencies[needed] === undefined);
  if (unknown.length > 0) {
    throw new Error(
      `the npm package needs ${unknown.join(', ')}; add it to "dependencies" in package.json of the project`,
    );
  }
  const dependencies = Object.fromEntries(
    Object.entries(project.dependencies).filter(([dependency]) => packages.includes(dependency)),
  );
  return {
    name,
    version,
    description,
    keywords,
    repository,
    license,
    type: 'module',
    engines: { node: '>=22.18' },
    exports: {
      './rules': { types: './lib/rules/public-api.d.ts', default: './lib/rules/public-api.js' },
      './testing': { types: './testing.d.cts', default: './testing.cjs' },
      './package.json': './package.json',
    },
    bin,
    dependencies,
  };
}
