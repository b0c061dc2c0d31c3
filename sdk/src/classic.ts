/** The script: sets `window.PersonaClient`, and `.default` on it, as earlier clients had it. */

import { PersonaClient } from "./client";
import { PersonaError } from "./errors";
import { serverOfScript } from "./options";

const script = document.currentScript;
if (script instanceof HTMLScriptElement) PersonaClient.scriptServer = serverOfScript(script.src);

Object.assign(PersonaClient, { default: PersonaClient, PersonaError });
Object.assign(window, { PersonaClient });
