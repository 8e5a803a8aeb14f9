/** The environment of this process. The only place that touches it. */
export const readEnvironment = (): NodeJS.ProcessEnv => process.env;

/** Sets a variable that every process would get that is started with our environment, as none should be. */
export function plantVariable(name: string, value: string): Disposable {
  process.env[name] = value;
  return { [Symbol.dispose]: () => void delete process.env[name] };
}
