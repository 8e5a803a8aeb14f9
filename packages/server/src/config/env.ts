/** The environment, read here and passed on. */
export const env: NodeJS.ProcessEnv = process.env;
