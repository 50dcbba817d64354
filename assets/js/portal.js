// The one script of every page. Everything works without it, as links and forms; this adds comfort. Each part
// looks for its own marks in the page and does nothing where they are missing.

import { startMenus } from './menus.js';
import { prepareForms, startForms } from './forms.js';
import { startJoin } from './join.js';
import { prepareBulk } from './bulk.js';
import { prepareCharts } from './chart.js';
import { prepareChoose } from './choose.js';
import { prepareInvite } from './invite.js';
import { preparePlan } from './plan.js';
import { preparePasskeys } from './passkeys.js';
import { preparePrint } from './print.js';
import { prepareRole } from './roles.js';
import { startSession } from './session.js';
import { startWindows } from './window.js';

// First of all, so that the code of an invitation leaves the address bar at once.
startJoin();

function prepare(root) {
  prepareInvite(root);
  prepareRole(root);
  prepareForms(root);
  prepareBulk(root);
  prepareCharts(root);
  prepareChoose(root);
  preparePlan(root);
  preparePasskeys(root);
  preparePrint(root);
}

document.documentElement.classList.add('js');
startMenus();
startForms();
startWindows(prepare);
prepare(document);
startSession();
