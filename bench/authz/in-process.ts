import { type App, compose } from '../../packages/server/src/compose/compose.ts';
import { loadConfig } from '../../packages/server/src/config/config.ts';
import { API_KEY } from '../product/running-assay.ts';

/** The product's API within this process, with everything on but limits that a bench would reach. */
export function startInProcess(databaseUrl: string, dataDir: string): Promise<App> {
  const env = {
    DATABASE_URL: databaseUrl,
    ASSAY_DATA_DIR: dataDir,
    ASSAY_HTTP_PORT: '0',
    ASSAY_GRPC_PORT: 'off',
    ASSAY_LOG_LEVEL: 'error',
    ASSAY_ROLE: 'api',
    ASSAY_BOOTSTRAP_API_KEY: API_KEY,
    ASSAY_RATE_CONTROL: '1000000',
    ASSAY_RATE_EVALUATIONS: '1000000',
  };
  return compose(loadConfig({ args: [], env, cwd: dataDir }));
}
