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

/** The modules that users import, without extensions. */
const RULES = 'lib/rules/public-api';
const TESTING = 'infra/local/testing/testing';

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
      './rules': {
        import: { types: `./${RULES}.d.ts`, default: `./${RULES}.js` },
        // Jest cannot load an ES module from CommonJS.
        require: { types: `./${RULES}.d.cts`, default: './rules.cjs' },
      },
      './testing': { types: `./${TESTING}.d.cts`, default: './testing.cjs' },
      './package.json': './package.json',
    },
    // TypeScript ignores `exports` if `moduleResolution` is `node` (`node10`), as in many CommonJS projects.
    typesVersions: { '*': { rules: [`./${RULES}.d.ts`], testing: [`./${TESTING}.d.cts`] } },
    bin,
    dependencies,
  };
}
