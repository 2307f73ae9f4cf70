# An image for machines that only label: OpenVINO, and no TensorFlow.
#
#   docker build -t fashionbatch-label .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" fashionbatch-label classify photos/ -b bundle -o labels.csv
#
# Extras come by name: docker build --build-arg EXTRAS=cloud,heif,parquet -t fashionbatch-label .
FROM python:3.12-slim-bookworm AS build
ARG EXTRAS=parquet
WORKDIR /src
COPY . .
# The bytecode is compiled here: nobody may write it where the image runs.
RUN python -m venv /opt/fashionbatch \
    && /opt/fashionbatch/bin/pip install --no-cache-dir --compile "./packaging/label[$EXTRAS]"

FROM python:3.12-slim-bookworm
COPY --from=build /opt/fashionbatch /opt/fashionbatch
ENV PATH=/opt/fashionbatch/bin:$PATH \
    FASHIONBATCH_CACHE_DIR=/tmp/fashionbatch \
    PYTHONUNBUFFERED=1
RUN useradd --uid 1000 --no-create-home label
USER 1000:1000
WORKDIR /work
ENTRYPOINT ["fashionbatch"]
CMD ["--help"]
