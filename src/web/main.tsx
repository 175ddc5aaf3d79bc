import { render } from 'preact';
import { startRouter } from './shell/router.ts';
import { Shell } from './shell/shell.tsx';
import { applyTheme } from './shell/theme.ts';

applyTheme();
startRouter();
render(<Shell />, document.getElementById('page')!);
