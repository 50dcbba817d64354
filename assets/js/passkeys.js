// Passkeys: the portal gives a challenge, the browser asks the person for a finger, a face or a PIN and has it signed, the portal
// judges the answer. Where the browser cannot do that, what is marked stays hidden and the page works without.
//   data-passkey="sign-in|second-factor|prove" (a box with a button; data-next)   data-autofill   form[data-passkey-add]
//   [data-said] is where something is said to the person: a live region inside the box

const CALM = 'No passkey was used. Nothing is lost: try again, or go on without.';
const LATE = 4 * 60 * 1000;

const able = () => Boolean(globalThis.PublicKeyCredential?.parseCreationOptionsFromJSON
  && PublicKeyCredential.parseRequestOptionsFromJSON && PublicKeyCredential.prototype.toJSON && navigator.credentials);

/** A refusal of the portal, in its own words. */
class Refused extends Error {}

async function ask(path, body) {
  const answer = await fetch(`/passkeys/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(body ?? {}),
  }).catch(() => null);
  const told = await answer?.json().catch(() => null);
  if (answer?.ok && told) return told;
  // Another page is needed first; the portal leads there.
  if (answer?.status === 401) location.reload();
  throw new Refused(told?.detail ?? 'The portal did not answer. Try again in a moment.');
}

/** What went wrong, as a sentence. Browsers do not tell a refusal of the person from a lapse of time, and need not. */
function sentence(error) {
  if (error instanceof Refused) return error.message;
  if (error.name === 'InvalidStateError') return 'This device has a passkey for your account already.';
  if (error.name === 'SecurityError') return 'This browser does not allow passkeys at this address. Go on without.';
  return CALM;
}

function say(box, text) {
  box.querySelector('[data-said]').textContent = text;
}

async function sign(box, more) {
  const purpose = box.dataset.passkey;
  const { ceremony, options } = await ask(`${purpose}/start`);
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  const credential = await navigator.credentials.get({ publicKey, ...more });
  const remember = document.querySelector('input[name="remember"]')?.checked ?? false;
  const next = box.dataset.next ?? '';
  const told = await ask(`${purpose}/finish`, { ceremony, credential: credential.toJSON(), remember, next });
  location.assign(told.next);
}

// Offers the passkeys of this device where the e-mail address is typed. A challenge lapses, so it is renewed while the page is open;
// pressing the button takes its place.
function startAutofill(box) {
  let waiting = null;
  let timer;
  const stop = () => {
    clearTimeout(timer);
    waiting?.abort();
    waiting = null;
  };
  const offer = async () => {
    stop();
    const mine = new AbortController();
    waiting = mine;
    timer = setTimeout(offer, LATE);
    try {
      await sign(box, { mediation: 'conditional', signal: mine.signal });
    } catch (error) {
      if (waiting !== mine) return;
      stop();
      // The person chose one, and it did not fit. Everything else here happened without them.
      if (error instanceof Refused) say(box, error.message);
    }
  };
  return { offer, stop };
}

async function prepareBox(box) {
  const button = box.querySelector('button');
  box.hidden = false;
  let autofill = null;
  button.addEventListener('click', async () => {
    autofill?.stop();
    button.disabled = true;
    say(box, '');
    try {
      await sign(box, {});
    } catch (error) {
      say(box, sentence(error));
      autofill?.offer();
    } finally {
      button.disabled = false;
      button.focus();
    }
  });
  if (box.dataset.autofill !== undefined && await PublicKeyCredential.isConditionalMediationAvailable?.()) {
    autofill = startAutofill(box);
    autofill.offer();
  }
}

function prepareAdd(form) {
  form.closest('[hidden]')?.removeAttribute('hidden');
  const button = form.querySelector('button');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.disabled = true;
    say(form, '');
    try {
      const { ceremony, options } = await ask('add/start');
      const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
      const credential = await navigator.credentials.create({ publicKey });
      form.elements.ceremony.value = ceremony;
      form.elements.credential.value = JSON.stringify(credential.toJSON());
      form.submit();
    } catch (error) {
      say(form, sentence(error));
      button.disabled = false;
      button.focus();
    }
  });
}

export function preparePasskeys(root) {
  if (!able()) return;
  root.querySelectorAll('[data-passkey]').forEach(prepareBox);
  root.querySelectorAll('form[data-passkey-add]').forEach(prepareAdd);
}
