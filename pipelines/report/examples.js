// A line over the log-Mel picture shows what is heard; a click on the picture goes there (the player's own keys do the same).
for (const figure of document.querySelectorAll(".example-sound")) {
  const player = figure.querySelector("audio");
  const picture = figure.querySelector(".mel-picture");
  if (!player || !picture) continue;
  const now = picture.querySelector(".mel-now");
  const total = Number(figure.querySelector(".example-mel").dataset.totalS);
  const show = () => {
    now.hidden = player.currentTime === 0 && player.paused;
    now.style.left = `${(100 * player.currentTime) / total}%`;
  };
  for (const name of ["timeupdate", "seeked", "play", "pause"]) player.addEventListener(name, show);
  picture.addEventListener("click", (event) => {
    const area = picture.getBoundingClientRect();
    const at = ((event.clientX - area.left) / area.width) * total;
    if (at < player.duration) player.currentTime = at;
  });
}
