export { organizationEventsAfter } from './store.ts';
