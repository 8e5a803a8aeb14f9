export { openRunBudget } from './store.ts';
