/** The module: `import {PersonaClient} from "https://voice.example.com/sdk/persona.js"`. */

import { PersonaClient } from "./client";
import { serverOfScript } from "./options";

PersonaClient.scriptServer ||= serverOfScript(import.meta.url);

export * from "./api";
export default PersonaClient;
