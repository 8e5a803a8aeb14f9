// Adds signing in with a passkey to the page. Without this script, or in a browser that has none, the page is as before.

const form = document.querySelector('form[data-passkey]');
const button = form?.querySelector('button');
const problem = document.querySelector('[data-passkey-problem]');

if (form && button && globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  form.hidden = false;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      form.elements.response.value = JSON.stringify(await ask());
      form.submit();
    } catch (error) {
      if (error.name !== 'NotAllowedError') say('The passkey could not be used. Sign in with your password.');
      button.disabled = false;
    }
  });
}

async function ask() {
  const answer = await fetch('/api/v1/auth/passkey/options', { method: 'POST' });
  if (!answer.ok) throw new Error('The server gave no challenge.');
  const { options } = await answer.json();
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  const credential = await navigator.credentials.get({ publicKey });
  return credential.toJSON();
}

function say(text) {
  if (problem) problem.textContent = text;
}
