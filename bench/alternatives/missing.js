/** What an alternative throws that is not installed; `bench/setup` installs it. */
export class Missing extends Error {}

/** A package of bench/package.json. @throws Missing */
export async function packageOf(name) {
  try {
    return await import(name);
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Missing(`the npm package ${name} is not installed`);
  }
}
