/** `cadenza/ai-sdk/workflow`: the AI SDK inside workflows. `import 'cadenza/ai-sdk/workflow'` comes before all other imports:
 *  `ai` wants what the sandbox lacks as soon as it is loaded. */
import './web-globals.ts';

export { type WorkflowModelOptions, workflowModel } from './workflow-model.ts';
