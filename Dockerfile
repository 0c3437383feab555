# wespe-bench on a CPU; the demo is the image's test.
#   docker build -t wespe-bench .
#   docker run --rm -v "$PWD:/work" --user "$(id -u):$(id -g)" wespe-bench run --enhancers identity --input photos
FROM python:3.12-slim
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY wespe_bench wespe_bench
COPY ffs ffs
COPY reference_models reference_models
COPY reports reports
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu torch \
    && pip install --no-cache-dir . \
    && rm -r /src/*
ENV WESPE_CACHE=/tmp/wespe-bench
WORKDIR /work
RUN wespe-bench doctor && wespe-bench demo --no-live --data /tmp/data --out /tmp/demo \
    && rm -r /tmp/data /tmp/demo && chmod -R a+rwX /tmp/wespe-bench
ENTRYPOINT ["wespe-bench"]
CMD ["--help"]
