export { findScheduleOwners } from './store.ts';
