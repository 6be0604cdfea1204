# One image for web, worker, beat and the migration; each service has its own start command.
FROM python:3.13-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1
RUN useradd --system --uid 10001 --create-home loanfund \
    && mkdir -p /srv/loanfund /srv/documents /srv/static \
    && chown loanfund /srv/documents /srv/static
WORKDIR /srv/loanfund

COPY requirements.txt .
RUN pip install --require-hashes --no-deps -r requirements.txt

COPY manage.py ./
COPY launcher ./launcher
COPY loanfund ./loanfund
COPY templates ./templates
COPY static ./static

ENV DOCUMENTS_ROOT=/srv/documents STATIC_ROOT=/srv/static
# The values only let the settings load; nothing of them stays in the image.
RUN SECRET_KEY=only-to-collect-the-static-files-while-building-the-image \
    DATABASE_URL=postgres://nobody@nowhere/none REDIS_URL=redis://nowhere BASE_URL=https://nowhere.invalid \
    python manage.py collectstatic --no-input --verbosity 0

USER loanfund
EXPOSE 8000
VOLUME /srv/documents
ENTRYPOINT ["python", "-m", "launcher.serve"]
CMD ["web"]
